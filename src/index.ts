// The front door: Express’s face, and the names that both faces share.
export { lavaGateway, type ExpressMiddleware, type ExpressOptions, type LavaGateway } from './express.ts'
export * from './shared-names.ts'
