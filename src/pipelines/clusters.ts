/** The clusters that this server knows. */
import { problem } from '../contract/errors.ts'
import { egress, type Egress } from '../http/egress.ts'
import type { KubernetesSettings, SlurmSettings } from '../contract/values/drivers.ts'
import { kubernetesLauncher } from './drivers/remote/kubernetes/launcher.ts'
import type { Launcher } from './drivers/remote/launcher.ts'
import { rayLauncher } from './drivers/remote/ray.ts'
import { slurmLauncher } from './drivers/remote/slurm/slurm.ts'
import { tokenReader } from './drivers/remote/slurm/token.ts'

export interface Clusters {
  readonly ray?: { readonly url: string; readonly token?: string | undefined } | undefined
  readonly kubernetes?: KubernetesSettings | undefined
  readonly slurm?: SlurmSettings | undefined
}

/** Bytes of an answer of a cluster at most. */
const ANSWER_BYTES = 4 * 1024 * 1024
/** Slurm lists all jobs of all users at once, some 4 KB each. */
const LIST_BYTES = 256 * 1024 * 1024

/** The address of a cluster is the operator's own, so it may be private; nothing else is reached by it. `url` is where its machines reach us. */
export function launchersOf({ ray, kubernetes, slurm }: Clusters, url: () => string): Launcher[] {
  return [
    ...(ray === undefined ? [] : [rayLauncher({ ...ray, send: reaching(ray.url, ANSWER_BYTES) })]),
    ...(kubernetes === undefined ? [] : [kubernetesLauncher({ settings: kubernetes, url })]),
    ...(slurm === undefined ? [] : [slurmOf(slurm)]),
  ]
}

function reaching(url: string, maxBytes: number): Egress {
  return egress({ allow: [new URL(url).host], maxBytes })
}

function slurmOf({ token, tokenFile, ...others }: SlurmSettings): Launcher {
  return slurmLauncher({
    ...others,
    token: tokenReader({ token, file: tokenFile }),
    send: reaching(others.url, LIST_BYTES),
  })
}

/** Of clusters that the configuration names no longer: their attempts are heard to their end, and nothing new begins there. */
export function goneLaunchers(known: readonly Launcher[]): Launcher[] {
  return Object.entries(SETTINGS)
    .filter(([name]) => !known.some((launcher) => launcher.name === name))
    .map(([name, setting]) => goneLauncher(name, `${setting} is not set`))
}

/** By which setting each cluster is known. */
const SETTINGS = { ray: 'SLIPWAY_RAY_URL', kubernetes: 'SLIPWAY_KUBECONFIG', slurm: 'SLIPWAY_SLURM_URL' }

function goneLauncher(name: string, why: string): Launcher {
  const refuse = (): Promise<never> => {
    const detail = `the server knows no such cluster: ${why}`
    return Promise.reject(problem('upstream_failed', { what: name, detail }))
  }
  return { name, launch: refuse, stop: refuse, state: () => Promise.resolve({ state: 'unknown', detail: why }) }
}
