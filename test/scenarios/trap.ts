/** A port that a server must not be made to visit. */
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'

/** Listens on 127.0.0.1 and hangs up on whoever comes. */
export async function openTrap(): Promise<{ port: number; visits: () => number; close: () => void }> {
  let visits = 0
  const server = createServer((socket) => {
    visits++
    socket.destroy()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { port, visits: () => visits, close: () => void server.close() }
}
