/** One side of the playground: which endpoint is asked, with which parameters, its answer, and the same call as code. */
import { useId } from 'react'
import type { PlaygroundCall } from '../../../src/contract/llm/playground.ts'
import { curlOf, faultOf, PARAMETERS, pythonOf } from '../../data/llm/playground.ts'
import type { Parameter, Side } from '../../data/llm/playground.ts'
import type { LlmEndpoint } from '../../data/llm/queries.ts'
import { Command } from '../page/command.tsx'
import { Panel } from '../page/page.tsx'
import { Choice } from './field.tsx'
import { PlaygroundAnswer } from './playground-answer.tsx'
import type { SideRun } from './playground-run.ts'

export interface PlaygroundSideProps {
  readonly label: string
  readonly side: Side
  readonly endpoints: readonly LlmEndpoint[]
  readonly endpoint: LlmEndpoint
  readonly run: SideRun
  /** What would be asked; undefined while that is not complete. */
  readonly call: PlaygroundCall | undefined
  readonly allowed: boolean
  /** Address of the gateway; empty = there is none. */
  readonly gateway: string
  readonly onChange: (side: Side) => void
}

export function PlaygroundSide(props: PlaygroundSideProps) {
  const { label, side, endpoints, endpoint, run, call, allowed, onChange } = props
  const isComing = run.answer.state === 'coming'
  return (
    <Panel
      title={label}
      note={endpoint.models.map(({ model }) => model).join(', ')}
      tools={
        isComing ? (
          <button type="button" className="button" onClick={() => run.stop()}>
            Stop<span className="sr"> {label}</span>
          </button>
        ) : (
          allowed && (
            <button
              type="button"
              className="button"
              disabled={call === undefined}
              onClick={() => call !== undefined && run.ask(call)}
            >
              Run<span className="sr"> {label}</span>
            </button>
          )
        )
      }
    >
      <div className="fields playground-fields">
        <Choice
          label="Endpoint"
          value={endpoint.id}
          options={endpoints.map((one) => [one.id, nameOf(one, endpoints)])}
          onChange={(id) => onChange({ ...side, endpoint: id })}
        />
        {PARAMETERS.map(([name, word]) => (
          <Numeric
            key={name}
            label={word}
            name={name}
            text={side[name]}
            onChange={(text) => onChange({ ...side, [name]: text })}
          />
        ))}
      </div>
      <PlaygroundAnswer answer={run.answer} label={label} />
      {call !== undefined && <Code {...props} call={call} />}
    </Panel>
  )
}

/** With its project where the name alone does not tell, and said where it is not answered. */
function nameOf({ id, name, project, fault }: LlmEndpoint, all: readonly LlmEndpoint[]): string {
  const isDouble = all.some((other) => other.name === name && other.id !== id)
  return `${name}${isDouble ? ` (${project})` : ''}${fault === null ? '' : ', not answered'}`
}

interface NumericProps {
  readonly label: string
  readonly name: Parameter
  readonly text: string
  readonly onChange: (text: string) => void
}

function Numeric({ label, name, text, onChange }: NumericProps) {
  const [id, told] = [useId(), useId()]
  const fault = faultOf(name, text)
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        value={text}
        placeholder="default"
        inputMode="decimal"
        autoComplete="off"
        maxLength={20}
        aria-invalid={fault !== undefined}
        {...(fault !== undefined && { 'aria-describedby': told })}
        onChange={(event) => onChange(event.target.value)}
      />
      {fault !== undefined && (
        <span id={told} className="small bad-text">
          {fault}
        </span>
      )}
    </div>
  )
}

function Code({ gateway, call, label }: { gateway: string; call: PlaygroundCall; label: string }) {
  const address = gateway === '' ? 'GATEWAY' : gateway
  return (
    <details>
      <summary>
        As code<span className="sr"> of {label}</span>
      </summary>
      <div className="stack" style={{ gap: 8, paddingTop: 8 }}>
        <p className="muted small">With a virtual key in place of your own name; slipway llm keys add makes one.</p>
        <Command text={curlOf(address, call)} />
        <Command text={pythonOf(address, call)} />
      </div>
    </details>
  )
}
