// The behaviour suite on Koa 3, which answers with web streams and responses, too.
import Koa from 'koa'
import { behaveAsPromised } from './behaviour.ts'
import { koaFace } from './koa-face.ts'

behaveAsPromised(koaFace('Koa 3', Koa, ['Response', 'web stream']))
