// The behaviour suite on Express 5.
import express from 'express'
import { behaveAsPromised } from './behaviour.ts'
import { expressFace } from './express-face.ts'

behaveAsPromised(expressFace('Express 5', express))
