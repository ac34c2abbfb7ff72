/** The Kubernetes cluster on which steps may run, as the settings name it. */
import { resolve } from 'node:path'
import type { KubernetesPlace, KubernetesSettings } from '../../contract/values/drivers.ts'
import { UsageError } from './command.ts'
import { config } from './config.ts'

/** Undefined where none is named. Throws UsageError for a list of projects that cannot be read. */
export function kubernetesSettings(): KubernetesSettings | undefined {
  const kubeconfig = config('SLIPWAY_KUBECONFIG')
  if (kubeconfig === undefined) return undefined
  const context = config('SLIPWAY_KUBERNETES_CONTEXT')
  const image = config('SLIPWAY_KUBERNETES_IMAGE')
  return {
    kubeconfig: kubeconfig === 'in-cluster' ? kubeconfig : resolve(kubeconfig),
    ...(context !== undefined && { context }),
    ...(image !== undefined && { image }),
    ...place(
      config('SLIPWAY_KUBERNETES_NAMESPACE'),
      config('SLIPWAY_KUBERNETES_SERVICE_ACCOUNT'),
      config('SLIPWAY_KUBERNETES_QUEUE'),
    ),
    projects: projectPlaces(config('SLIPWAY_KUBERNETES_PROJECTS') ?? ''),
  }
}

/** `project=namespace[/service-account[/queue]]`, several by commas. */
export function projectPlaces(text: string): Record<string, KubernetesPlace> {
  const entries = text.split(',').filter((entry) => entry.trim() !== '')
  return Object.fromEntries(
    entries.map((entry) => {
      const [, project, parts] = /^\s*([^=\s]+)=([a-z0-9.-]*(?:\/[a-z0-9.-]*){0,2})\s*$/.exec(entry) ?? []
      if (project === undefined || parts === undefined) {
        const expected = 'project=namespace[/service-account[/queue]], for example iris=team-a/trainer'
        throw new UsageError(`SLIPWAY_KUBERNETES_PROJECTS holds "${entry}"; expected ${expected}`)
      }
      const [namespace, serviceAccount, queue] = parts.split('/')
      return [project, place(namespace, serviceAccount, queue)]
    }),
  )
}

/** An empty part is not given. */
function place(namespace?: string, serviceAccount?: string, queue?: string): KubernetesPlace {
  return {
    ...(namespace !== undefined && namespace !== '' && { namespace }),
    ...(serviceAccount !== undefined && serviceAccount !== '' && { serviceAccount }),
    ...(queue !== undefined && queue !== '' && { queue }),
  }
}
