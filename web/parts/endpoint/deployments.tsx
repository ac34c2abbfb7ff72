/** Which versions an endpoint has answered with: by whom, when and why each came, and what was not judged of it. */
import { useQuery } from '@tanstack/react-query'
import { deploymentText, notJudgedText } from '../../../src/contract/serving/deployment-text.ts'
import { sentence } from '../../../src/contract/text/format.ts'
import * as read from '../../data/queries.ts'
import type { Deployment } from '../../data/queries.ts'
import { Loaded } from '../page/placeholders.tsx'
import { Panel } from '../page/page.tsx'
import { RelativeTime } from '../page/relative-time.tsx'
import { Status, VersionChip } from '../page/status.tsx'

export function DeploymentsPanel({ endpoint, model }: { endpoint: string; model: string }) {
  const deployments = useQuery(read.deployments(endpoint))
  return (
    <Panel
      title="Deployments"
      note={deployments.data?.next_page_token === undefined ? 'newest first' : 'the newest 20'}
    >
      <Loaded query={deployments} what="The deployments" height={80}>
        {({ items }) =>
          items.length === 0 ? (
            <p className="muted">No version has been deployed since this server began to keep a list.</p>
          ) : (
            <ol className="timeline">
              {items.map((one) => (
                <Entry key={one.number} deployment={one} model={model} />
              ))}
            </ol>
          )
        }
      </Loaded>
    </Panel>
  )
}

function Entry({ deployment, model }: { deployment: Deployment; model: string }) {
  return (
    <li>
      <span className="muted small">
        <RelativeTime at={deployment.at} />
      </span>
      <div style={{ minWidth: 0 }}>
        <span className="row">
          <Status
            word={deployment.way}
            tone={deployment.way === 'rolled_back' || deployment.way === 'demoted' ? 'warn' : 'good'}
          />
          {deployment.version === null ? 'no version' : <VersionChip model={model} version={deployment.version} />}
          <span className="break">{sentence(deploymentText(deployment))}</span>
        </span>
        <NotJudged deployment={deployment} />
      </div>
    </li>
  )
}

/** What the rollout had nothing to judge by; it is said for as long as the version answers. */
export function NotJudged({ deployment }: { deployment: Deployment | null }) {
  const text = deployment === null ? undefined : notJudgedText(deployment)
  if (text === undefined) return null
  return (
    <div className="break small">
      <Status word="not_judged" label={`not judged: ${text}`} />
    </div>
  )
}
