// The behaviour suite on Koa 2.
import Koa from 'koa2'
import { behaveAsPromised } from './behaviour.ts'
import { koaFace } from './koa-face.ts'

behaveAsPromised(koaFace('Koa 2', Koa))
