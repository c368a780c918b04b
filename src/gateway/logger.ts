// The logger: where the host is told what callers are not.

/** `console` fits, and so do pino, winston and the like. */
export type Logger = Pick<Console, 'info' | 'warn' | 'error'>
