// The public agent: no private address, even when a public name leads to one.
import http from 'node:http'
import { once } from 'node:events'
import { request } from 'undici'
import { expect, test } from 'vitest'
import { createAgents, isPrivateAddress, isPrivateHost, privateAddressCode } from '../../src/http/public-agent.ts'

test.each([
  '127.0.0.1', '127.8.8.8', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1', '169.254.169.254', '100.64.0.1', '0.0.0.0',
  '224.0.0.1', '255.255.255.255', '::1', '::', 'fe80::1', 'fd00::1', 'ff02::1', '::ffff:127.0.0.1', '::ffff:10.0.0.1', '64:ff9b::a00:1', '2002:a00:1::',
])('%s is private', (address) => {
  expect(isPrivateAddress(address)).toBe(true)
}) // prettier-ignore

test.each(['1.1.1.1', '8.8.8.8', '172.32.0.1', '104.18.7.192', '2606:4700::6812:7c0', '::ffff:1.1.1.1'])(
  '%s is public',
  (address) => {
    expect(isPrivateAddress(address)).toBe(false)
  },
)

test('localhost and bracketed addresses are known as private hosts', () => {
  expect(['localhost', 'api.localhost', '[::1]', '127.0.0.1'].map(isPrivateHost)).toEqual([true, true, true, true])
  expect(['api.openai.com', 'localhost.example', '1.1.1.1'].map(isPrivateHost)).toEqual([false, false, false])
})

test('a name that leads to a private address is refused at the connection', async () => {
  const agents = createAgents(5_000)
  await expect(request('https://localhost:1/', { dispatcher: agents.public })).rejects.toMatchObject({
    code: privateAddressCode,
  })
  agents.destroy()
})

test('the private agent connects to it', async () => {
  const agents = createAgents(5_000)
  const server = http.createServer((_req, res) => res.end('here')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = address !== null && typeof address !== 'string' ? address.port : 0
  const { body } = await request(`http://localhost:${port}/`, { dispatcher: agents.private })
  expect(await body.text()).toBe('here')
  agents.destroy()
  server.close()
})
