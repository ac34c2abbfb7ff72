/** Hands the model of a finished run to the registry, and says in one sentence what its gates said. */
import { SYSTEM } from '../auth/tokens.ts'
import type { Gate } from '../contract/registry.ts'
import { registerVersion } from '../registry/versions/register.ts'
import type { Registry } from '../registry/room.ts'
import type { PipelinesDeps } from './context/deps.ts'

export function registering(registry: Registry): PipelinesDeps['registerModel'] {
  return async (request) => {
    const who = { ...SYSTEM, name: request.created_by }
    const { version, passed, results } = await registerVersion(registry, who, {
      ...request,
      gates: request.gates as readonly Gate[],
    })
    const failed = results.filter((one) => one.outcome !== 'passed')
    const detail = passed
      ? `${results.length} gates hold`
      : failed.map((one) => `${one.name}: ${one.reason}`).join('; ')
    return { version, passed, detail }
  }
}
