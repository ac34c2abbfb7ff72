/** The one route for other projects' test suites: they need an empty store, set up in their way, before each of their tests. */
import { z } from 'zod'
import { route } from '../contract/route.ts'
import { mount } from './mount.ts'
import type { Mounted } from './mount.ts'

const text = z.string().max(4096).nullish()

/** How a suite wants the empty server. */
const Reset = z.object({
  /** URI below which new experiments keep their artifacts. */
  artifact_root: text,
  /** Folder in which proxied artifacts must lie as plain files. */
  artifacts_destination: text,
  /** What a relative artifact location is resolved against. */
  cwd: text,
  /** Settings of the suite's own server, by their names there. */
  env: z.record(z.string(), z.string()).default({}),
})
export type Reset = z.output<typeof Reset>

const reset = route({
  method: 'POST',
  path: '/__reset',
  summary: 'Empty the store',
  access: { verb: 'manage', resource: 'server' },
  body: Reset,
  reply: 'json',
})

/** To be mounted only when the operator asked for test hooks. `empty` empties the store and sets it up as asked. */
export function testHooks(empty: (asked: Reset) => Promise<void>): Mounted[] {
  return [
    mount(reset, async ({ body }) => {
      await empty(body)
      return {}
    }),
  ]
}
