/** Run as a process of its own: `health.ts PORT` asks for a gateway's health fifty times a second until its input ends, then prints the waits, ms, as JSON. */
import { Agent, get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const port = Number(process.argv[2])
const agent = new Agent({ keepAlive: true })
const waits: number[] = []
const state = { watching: true }
process.stdin.on('end', () => (state.watching = false)).resume()

function ask(): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = performance.now()
    get({ port, host: '127.0.0.1', path: '/v2/health/live', agent }, (response) => {
      response.resume()
      response.on('end', () => {
        waits.push(performance.now() - asked)
        resolve()
      })
    }).on('error', reject)
  })
}

while (state.watching) {
  await ask()
  await sleep(20)
}
agent.destroy()
process.stdout.write(`${JSON.stringify(waits)}\n`)
