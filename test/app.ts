/** The control process inside the test's own process, for scenarios that need its parts at hand. */
import { startApp } from '../src/app.ts'
import type { App, AppOptions } from '../src/options.ts'

/** Starts it on free ports without gateways; `options` say what is otherwise, and where its data lies. */
export function startTestApp(options: Partial<AppOptions> & Pick<AppOptions, 'dataDir'>): Promise<App> {
  return startApp({
    host: '127.0.0.1',
    port: 0,
    gatewayPort: 0,
    gateways: 0,
    noAuth: false,
    allowHosts: [],
    logLevel: 'error',
    ...options,
  })
}
