// A plain round-robin proxy: each request goes to the next process, whoever sent it. No sticky sessions.
import { createServer, request, type Server } from 'node:http'
import { pipeline } from 'node:stream'

export function roundRobin(ports: readonly number[]): Server {
  let turn = 0
  return createServer((req, res) => {
    const port = ports[turn++ % ports.length]
    const { method, url: path, headers } = req
    const onward = request({ host: '127.0.0.1', port, method, path, headers }, (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.headers)
      // A caller who leaves, or a process that dies: either end closes the other.
      pipeline(answer, res, () => undefined)
    })
    onward.on('error', () => {
      if (res.headersSent) res.destroy()
      else res.writeHead(502).end()
    })
    res.on('close', () => onward.destroy())
    req.pipe(onward)
  })
}
