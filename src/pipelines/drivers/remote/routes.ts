/** The routes of nodes: each hears the token of one attempt alone. */
import type { Principal } from '../../../contract/access.ts'
import { problem } from '../../../contract/errors.ts'
import { nodesApi } from '../../../contract/pipelines/nodes.ts'
import { mount, Raw, type Mounted } from '../../../http/mount.ts'
import type { Desk } from './desk.ts'
import { nodeProgram } from './program.ts'

export function nodeRoutes(desk: Desk): Mounted[] {
  return [
    mount(nodesApi.nodeProgram, ({ params, who }) => {
      requireNode(who, params.attempt, 'claim')
      return new Raw(200, { 'content-type': 'application/json' }, nodeProgram().text)
    }),
    mount(nodesApi.claimAttempt, ({ params, body, who }) => {
      requireNode(who, params.attempt, 'claim')
      return desk.claim(params.attempt, body.claimant, body.host)
    }),
    mount(nodesApi.beatAttempt, async ({ params, body, who }) => {
      requireNode(who, params.attempt, 'work')
      return { cancel: await desk.beat(who, params.attempt, body.fence, body.beat) }
    }),
    mount(nodesApi.sendLog, ({ params, query, body, who }) => {
      requireNode(who, params.attempt, 'work')
      return desk.log(params.attempt, query.fence, query.from, body)
    }),
    mount(nodesApi.readNodeFile, async ({ params, query, who }) => {
      requireNode(who, params.attempt, 'work')
      const { size, stream } = await desk.read(params.attempt, query.fence, params.digest)
      return new Raw(200, { 'content-type': 'application/octet-stream', 'content-length': String(size) }, stream)
    }),
    mount(nodesApi.sendNodeFile, async ({ params, query, body, who }) => {
      requireNode(who, params.attempt, 'work')
      await desk.put(params.attempt, query.fence, params.digest, body)
      return {}
    }),
    mount(nodesApi.keepCheckpoint, async ({ params, body, who }) => {
      requireNode(who, params.attempt, 'work')
      await desk.keepCheckpoint(params.attempt, body.fence, body)
      return {}
    }),
    mount(nodesApi.endAttempt, async ({ params, body, who }) => {
      requireNode(who, params.attempt, 'work')
      await desk.end(params.attempt, body.fence, body)
      return {}
    }),
  ]
}

/** Throws `forbidden` unless the token is that of the node of this attempt, for this use. */
function requireNode(who: Principal, attempt: string, use: 'claim' | 'work'): void {
  if (who.node !== use || who.attempt !== attempt)
    throw problem('forbidden', { role: who.role, verb: 'write', resource: `attempt ${attempt}` })
}
