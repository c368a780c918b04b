// Errors at the edge: whatever went wrong, as the one kind of error that callers are told.
import { GatewayError } from '../errors.ts'
import type { Logger } from './logger.ts'

/** A GatewayError as it is; anything else is a fault of ours or the host's, logged and told as `internal_error`. */
export function asGatewayError(error: unknown, logger: Logger): GatewayError {
  if (error instanceof GatewayError) {
    // Without a cause, nothing failed: the gateway is shutting down.
    if (error.code === 'storage_unavailable' && error.cause !== undefined)
      logger.error('lava-gateway: the storage failed:', error.cause)
    return error
  }
  logger.error('lava-gateway: internal error:', error)
  return new GatewayError('internal_error', 'The gateway failed on this request.', {}, { cause: error })
}
