/** What stands where a project has no features: what a view is, how the first comes, and where else some may be. */
import { Link } from '@tanstack/react-router'
import { EXAMPLE } from '../../data/features/example.ts'
import type { ChosenProject } from '../../data/features/projects.ts'
import { Command } from '../page/command.tsx'
import { Panel } from '../page/page.tsx'

export function NoFeatures({ project: { name, others } }: { project: ChosenProject }) {
  return (
    <Panel title="Views" flush>
      <div className="empty example">
        <strong>No feature views in project {name} yet</strong>
        <span>
          A view is a table of features with the time of each row. Training joins it as it was known at each moment, and
          a model that serves reads it as it is now, by the same rules. The section “features” of slipway.yaml declares
          it:
        </span>
        {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- an area that scrolls must be reachable by keyboard */}
        <pre className="log short" tabIndex={0} role="group" aria-label="Example of a project file">
          {EXAMPLE}
        </pre>
        <Command text="slipway features apply" />
        {others.length > 0 && <Others others={others} />}
      </div>
    </Panel>
  )
}

function Others({ others }: { others: readonly string[] }) {
  return (
    <p>
      Features belong to a project. These have some:{' '}
      {others.map((other, i) => (
        <span key={other}>
          {i > 0 && ', '}
          <Link to="/features" search={{ project: other }}>
            {other}
          </Link>
        </span>
      ))}
      .
    </p>
  )
}
