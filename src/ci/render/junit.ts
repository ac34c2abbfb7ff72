/** The report as JUnit XML: a test case a gate and a step, which every CI system can show. */
import type { ChangeReport } from '../../contract/changes/report.ts'
import { xml } from './escape.ts'

interface Case {
  readonly name: string
  readonly seconds: number
  readonly state: 'ok' | 'failure' | 'error' | 'skipped'
  readonly message: string
}

export function junit(report: ChangeReport): string {
  const suites = [
    suite('gates', report.project, report.gates.map(gateCase)),
    suite('steps', report.project, stepCases(report)),
  ]
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="slipway">\n${suites.join('\n')}\n</testsuites>\n`
}

const GATES = { passed: 'ok', failed: 'failure', no_data: 'failure', waiting: 'skipped' } as const

function gateCase({ name, outcome, reason }: ChangeReport['gates'][number]): Case {
  return { name, seconds: 0, state: GATES[outcome], message: reason }
}

/** A run that ended without a verdict is an error of its own, for its steps may all have been left out. */
function stepCases(report: ChangeReport): Case[] {
  const steps = report.steps.map(({ name, state, why, duration_ms }): Case => {
    const ended = state === 'succeeded' || state === 'cached' ? 'ok' : state === 'failed' ? 'failure' : 'skipped'
    return { name, seconds: (duration_ms ?? 0) / 1000, state: ended, message: why }
  })
  if (report.verdict !== 'error') return steps
  return [...steps, { name: 'run', seconds: 0, state: 'error', message: report.reason }]
}

function suite(name: string, project: string, cases: readonly Case[]): string {
  const count = (state: Case['state']): number => cases.filter((one) => one.state === state).length
  const lines = cases.map((one) => {
    const open = `    <testcase classname="${xml(`${project}.${name}`)}" name="${xml(one.name)}" time="${one.seconds}"`
    if (one.state === 'ok') return `${open}/>`
    return `${open}><${one.state} message="${xml(one.message)}"/></testcase>`
  })
  return [
    `  <testsuite name="${name}" tests="${cases.length}" failures="${count('failure')}" errors="${count('error')}" skipped="${count('skipped')}">`,
    ...lines,
    '  </testsuite>',
  ].join('\n')
}
