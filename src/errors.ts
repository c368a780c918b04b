// Errors: the one table of codes, and the error class that crosses the edge.

/** Every code of the API with its HTTP status. The codes are part of the API (design 7). */
export const errorStatuses = {
  invalid_request: 400,
  target_not_allowed: 400,
  unauthorized: 401,
  insufficient_balance: 402,
  forbidden: 403,
  meter_not_in_plan: 403,
  not_found: 404,
  request_id_reused: 409,
  body_too_large: 413,
  price_unknown: 422,
  rate_limited: 429,
  internal_error: 500,
  provider_unavailable: 502,
  storage_unavailable: 503,
  provider_timeout: 504,
} as const

export type ErrorCode = keyof typeof errorStatuses

/** Further fields of an error's body, such as `available` of a 402. Never a key, a token or a body. */
export type ErrorDetails = Readonly<Record<string, string | number | null>>

/**
 * A refusal that the caller is told about. The message says what was wrong and the mend.
 *
 * @example
 * throw new GatewayError('not_found', 'No request has the id req_1.')
 */
export class GatewayError extends Error {
  override readonly name = 'GatewayError'
  readonly code: ErrorCode
  readonly status: number
  /** As `http-errors` have it: whether the message is the caller's business. Koa logs what is not. */
  readonly expose: boolean
  readonly details: ErrorDetails

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.status = errorStatuses[code]
    this.expose = this.status < 500
    this.details = details
  }

  /** The body of the answer: `{"error":{"code","message","status", …details}}`. */
  toJSON(): { error: Record<string, string | number | null> } {
    return { error: { code: this.code, message: this.message, status: this.status, ...this.details } }
  }
}
