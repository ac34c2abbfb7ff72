/** How far a re-run from raw data gave the same. */
import { Link } from '@tanstack/react-router'
import { figure, fullSentence, words } from '../../../src/contract/text/format.ts'
import { gradeMeaning } from '../../data/pipelines/reproduction-queries.ts'
import type { PipelineRun } from '../../data/queries.ts'
import { Panel } from '../page/page.tsx'
import { Status } from '../page/status.tsx'
import { DataTable } from '../table/data-table.tsx'

export function ReproductionPanel({ reproduction }: { reproduction: NonNullable<PipelineRun['reproduction']> }) {
  const { grade } = reproduction
  return (
    <Panel
      title="Reproduction"
      note={grade === null ? 'still running' : `grade ${grade}: ${gradeMeaning(grade)}`}
      flush
    >
      <p style={{ padding: '12px 16px' }} className="break">
        {fullSentence(reproduction.detail)} Reproduces{' '}
        <Link to="/pipelines/$id" params={{ id: reproduction.of_run }}>
          run {reproduction.of_run.slice(-6)}
        </Link>
        with a tolerance of {figure(reproduction.tolerance)}.
        {reproduction.first_divergent_step !== null && ` First differing step: ${reproduction.first_divergent_step}.`}
        {(reproduction.sources ?? []).map(({ step, source }) => ` Step ${step}: ${source}.`)}
        {reproduction.missing.length > 0 && ` Missing: ${reproduction.missing.join(', ')}.`}
      </p>
      {reproduction.not_regraded !== undefined && (
        <p style={{ padding: '0 16px 12px' }} className="break">
          <Status word="kept" tone="warn" label="Graded by earlier rules" /> It could not be graded anew:{' '}
          {fullSentence(reproduction.not_regraded)}
        </p>
      )}
      <DataTable headings={['Step', 'Outputs', 'Metrics']}>
        {reproduction.steps.map((step) => (
          <tr key={step.step}>
            <td>{step.step}</td>
            <td>
              <Status word={step.outputs} tone={step.outputs.startsWith('identical') ? 'good' : 'warn'} />
            </td>
            <td className="break">
              {step.metrics
                .map((metric) =>
                  metric.equal
                    ? `${metric.metric} equal`
                    : `${words(metric.metric)} ${figure(metric.before)} then ${figure(metric.after)}`,
                )
                .join(', ') || '–'}
            </td>
          </tr>
        ))}
      </DataTable>
    </Panel>
  )
}
