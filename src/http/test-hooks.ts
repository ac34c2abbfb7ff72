/** The one route for other projects' test suites: they need an empty store before each of their tests. */
import { route } from '../contract/route.ts'
import { mount } from './mount.ts'
import type { Mounted } from './mount.ts'

const reset = route({
  method: 'POST',
  path: '/__reset',
  summary: 'Empty the store',
  access: { verb: 'manage', resource: 'server' },
  body: 'json',
  reply: 'json',
})

/** Mount it only when the operator asked for test hooks. `empty` empties what the suites look at. */
export function testHooks(empty: () => Promise<void>): Mounted[] {
  return [
    mount(reset, async () => {
      await empty()
      return {}
    }),
  ]
}
