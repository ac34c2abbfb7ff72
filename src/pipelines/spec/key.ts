/** The cache key of a step: every component that may change its result, kept one by one so that a miss can be explained. */
import type { Lock } from '../../envs/lock.ts'
import { hashOf } from './canonical.ts'
import type { StepSpec } from './spec.ts'

/** The components of key version k2. What is a record is compared entry by entry. */
export interface KeyParts {
  readonly entry: string
  /** Path → digest, or what else says what a file means, of the files that the step's code may read or run. */
  readonly code: Readonly<Record<string, string>>
  /** Digest of the environment: packages with hashes, interpreter, platform. */
  readonly environment: string
  /** Argument → digest of the tree. */
  readonly inputs: Readonly<Record<string, string>>
  readonly params: Readonly<Record<string, unknown>>
  readonly env: Readonly<Record<string, string>>
  /** Names only; a value never enters a key. */
  readonly secrets: readonly string[]
  /** Processor class, since kernels and so results differ. */
  readonly hardware: string
  readonly outputs: readonly string[]
  readonly seed: number
  readonly policy: string
  readonly salt: string
  /** Of a step with `for_each`, how many items it has and the digest of all; no part of the key of an item. */
  readonly items?: string
}

/** The components of a step whose inputs are known. */
export function keyParts(
  step: StepSpec,
  given: {
    readonly inputs: Readonly<Record<string, string>>
    readonly params: Readonly<Record<string, unknown>>
    readonly environment: Lock
    readonly salt: string
  },
): KeyParts {
  return {
    entry: typeof step.entry === 'string' ? step.entry : JSON.stringify(step.entry),
    code: { ...step.code.files, ...step.code.meant },
    environment: given.environment.digest,
    inputs: given.inputs,
    params: given.params,
    env: step.env,
    secrets: step.secrets.toSorted(),
    hardware: `${given.environment.platform}${step.cpus === null ? '' : ` cpus=${step.cpus}`}${step.gpus === undefined ? '' : ` gpus=${step.gpus}`}`,
    outputs: step.outputs.toSorted(),
    seed: step.seed,
    policy: step.cache,
    salt: given.salt,
  }
}

/** The key of an item: that of a step with the params and inputs which the item gives, whatever other items there are. */
export function itemKey(parts: KeyParts, { params, inputs }: Pick<KeyParts, 'params' | 'inputs'>): string {
  return keyOf({
    ...parts,
    items: undefined,
    inputs: { ...parts.inputs, ...inputs },
    params: { ...parts.params, ...params },
  })
}

/** The key. With the policy `always` code and environment are left out; with `never` it is equal to no other's, which could take or give a result. */
export function keyOf(parts: Omit<KeyParts, 'items'> & { readonly items?: string | undefined }): string {
  if (parts.policy === 'never') return hashOf(['k2', parts])
  if (parts.policy !== 'always') return hashOf(['k2', { ...parts, policy: undefined }])
  return hashOf(['k2', { ...parts, code: undefined, environment: undefined, hardware: undefined }])
}
