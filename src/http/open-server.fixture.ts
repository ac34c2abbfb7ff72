/** A server of a few routes for tests, on a free port, that knows no accounts and says nothing. */
import { pino } from 'pino'
import { startServer } from './server.ts'
import type { RunningServer, ServerOptions } from './server.ts'

/** Starts it; `more` are further options of the server. */
export async function startOpen(
  routes: ServerOptions['routes'],
  more: Partial<ServerOptions> = {},
): Promise<RunningServer> {
  return startServer({
    host: '127.0.0.1',
    port: 0,
    logger: pino({ level: 'silent' }),
    authenticate: async () => undefined,
    routes,
    ...more,
  })
}
