/** What a node is handed with its claim: all that it needs of an attempt, as JSON. */
import { checkpointPolicy, type CheckpointPolicy } from '../checkpoint-policy.ts'
import type { AttemptSpec } from '../driver.ts'

/** As python/slipway/remote reads it. Times in seconds. */
export interface NodeWork {
  readonly entry: AttemptSpec['entry']
  readonly code: string
  readonly inputs: AttemptSpec['inputs']
  readonly outputs: readonly string[]
  readonly params: AttemptSpec['params']
  readonly env: AttemptSpec['env']
  readonly secrets: AttemptSpec['secrets']
  readonly unheld: readonly string[]
  /** Bytes that are kept of the log. */
  readonly log_bytes: number
  readonly memory_bytes: number | null
  readonly timeout_s: number | null
  readonly grace_s: number
  /** An interpreter that is there, or a lock from which the node builds its environment. */
  readonly python: string | null
  readonly environment: AttemptSpec['environment'] | null
  readonly checkpoints: CheckpointPolicy<{ readonly tree: string }> | null
  readonly notice: string | null
}

export function workOf(spec: AttemptSpec): NodeWork {
  const { entry, code, inputs, outputs, params, env, secrets, unheld, log_bytes, memory_bytes } = spec
  return {
    entry,
    code,
    inputs,
    outputs,
    params,
    env,
    secrets,
    unheld,
    log_bytes,
    memory_bytes,
    timeout_s: spec.timeout_ms === null ? null : spec.timeout_ms / 1000,
    grace_s: spec.grace_ms / 1000,
    python: spec.environment === undefined ? spec.python : null,
    environment: spec.environment ?? null,
    checkpoints: checkpointPolicy(spec, ({ tree }) => ({ tree })),
    notice: spec.notice ?? null,
  }
}

/** The trees that a node may read. */
export function treesOf({ code, inputs, checkpoints }: Pick<NodeWork, 'code' | 'inputs' | 'checkpoints'>): string[] {
  return [code, ...Object.values(inputs), ...(checkpoints?.resume ?? []).map(({ tree }) => tree)]
}
