/** How a cluster is added that the server does not know: what its operator sets, and what a step says. */
import type { DriverState } from '../../data/pipelines/queue.ts'
import { Command } from '../page/command.tsx'
import { Panel } from '../page/page.tsx'

interface Kind {
  readonly name: DriverState['name']
  readonly title: string
  /** What the server is started with. */
  readonly command: string
  readonly more: string
}

const KINDS: readonly Kind[] = [
  {
    name: 'kubernetes',
    title: 'Kubernetes',
    command: 'SLIPWAY_KUBECONFIG=/etc/slipway/kubeconfig slipway serve',
    more: 'Each attempt is a Job. In a pod of the cluster the value is in-cluster.',
  },
  {
    name: 'slurm',
    title: 'Slurm',
    command: 'SLIPWAY_SLURM_URL=http://slurm:6820 SLIPWAY_SLURM_TOKEN_FILE=/etc/slipway/slurm.jwt slipway serve',
    more: 'By slurmrestd; each attempt is a batch job.',
  },
  {
    name: 'ray',
    title: 'Ray',
    command: 'SLIPWAY_RAY_URL=http://ray-head:8265 slipway serve',
    more: 'By the Jobs API of the head; each attempt is a job.',
  },
]

/** Nothing once all kinds are known. */
export function AddCluster({ known }: { known: readonly DriverState['name'][] }) {
  const others = KINDS.filter(({ name }) => !known.includes(name))
  if (others.length === 0) return null
  const none = others.length === KINDS.length
  return (
    <Panel
      title={none ? 'No clusters yet' : 'Add another cluster'}
      note="machines of a cluster must reach this server; SLIPWAY_NODE_URL says by which address"
    >
      <p className="muted">
        {none && 'Steps run on the machine of the server alone. '}The operator sets these where the server runs and
        starts it again; a step goes there by on: NAME in slipway.yaml, a run by slipway run --on NAME. The guide of
        drivers has all settings and the rights that each needs.
      </p>
      {others.map(({ name, title, command, more }) => (
        <div key={name} className="stack" style={{ gap: 4 }}>
          <h3>{title}</h3>
          <span className="muted small">{more}</span>
          <Command text={command} />
        </div>
      ))}
    </Panel>
  )
}
