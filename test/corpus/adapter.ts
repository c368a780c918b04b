// score.mjs's adapter: the contract stands at the top of that file.
export { readUsage as default } from '../../src/providers/read-usage.ts'
