// The behaviour suite on Express 4.
import express from 'express4'
import { behaveAsPromised } from './behaviour.ts'
import { expressFace } from './express-face.ts'

behaveAsPromised(expressFace('Express 4', express))
