/** Ports of this machine for the servers of tests. */
import { createServer } from 'node:net'
import type { ListenOptions, Server } from 'node:net'

/** Below these the system gives ports away by itself (`ip_local_port_range`): none of them is taken by a connection of somebody else. */
const FIRST = 20_000
const END = 32_000

/** What this process was given: its servers may begin later. */
const given = new Set<number>()

/** A port of 127.0.0.1 that nothing listens on, that no outgoing connection takes before its server begins, and that is given once. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (END - FIRST))
    if (given.has(port) || !(await isReserved(port)) || !(await isFree(port))) continue
    given.add(port)
    return port
  }
}

/** Whether no other process of this machine has been given it: on Linux a name of the port is held for as long as this process lives. */
async function isReserved(port: number): Promise<boolean> {
  if (process.platform !== 'linux') return true
  const held = await listening({ path: `\0slipway-test-port-${port}` })
  held?.unref()
  return held !== undefined
}

async function isFree(port: number): Promise<boolean> {
  const probe = await listening({ port, host: '127.0.0.1' })
  if (probe === undefined) return false
  await new Promise((resolve) => probe.close(resolve))
  return true
}

async function listening(at: ListenOptions): Promise<Server | undefined> {
  const { promise, resolve } = Promise.withResolvers<Server | undefined>()
  const server = createServer()
  server.once('error', () => resolve(undefined))
  server.listen(at, () => resolve(server))
  return promise
}
