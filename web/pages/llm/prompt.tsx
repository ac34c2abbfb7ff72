/** A prompt: the template of each version, and what changed between two. */
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { diffLines } from '../../data/diff.ts'
import { Empty, Loaded } from '../../parts/page/placeholders.tsx'
import { AliasHistory } from '../../parts/model/moves.tsx'
import { Facts, Page, Panel } from '../../parts/page/page.tsx'
import { Tags } from '../../parts/page/status.tsx'
import { TimeCell } from '../../parts/table/time-cell.tsx'
import { isPromptsOwn, templateOf, variablesOf } from '../../data/models/prompts.ts'
import * as read from '../../data/queries.ts'
import type { Version } from '../../data/queries.ts'
import type { PromptSearch } from '../../data/address.ts'
import { DataTable } from '../../parts/table/data-table.tsx'

export function PromptPage() {
  const { name } = useParams({ from: '/prompts/$name' })
  const versions = useQuery(read.versions(name))
  const moves = useQuery(read.moves(name))
  return (
    <Page title={name} crumbs={<Link to="/prompts">Prompts</Link>}>
      <Loaded query={versions} what={`The versions of ${name}`} height={320}>
        {({ items }) =>
          items.length === 0 ? (
            <Panel title="Versions" flush>
              <Empty title="No versions" />
            </Panel>
          ) : (
            <Body items={items} />
          )
        }
      </Loaded>
      <AliasHistory query={moves} />
    </Page>
  )
}

function Body({ items }: { items: readonly Version[] }) {
  const { name } = useParams({ from: '/prompts/$name' })
  const search = useSearch({ from: '/prompts/$name' })
  const navigate = useNavigate({ from: '/prompts/$name' })
  const of = (number: string | undefined): Version | undefined => items.find(({ version }) => version === number)
  const shown = of(search.version) ?? items[0]
  const against = of(search.against)
  const set = (change: PromptSearch): void =>
    void navigate({ params: { name }, search: { ...search, ...change }, resetScroll: false })
  if (shown === undefined) return null
  return (
    <>
      <Panel
        title={`Version ${shown.version}`}
        note={against === undefined ? 'the template' : `what changed since version ${against.version}`}
        tools={
          <>
            <Choice label="Version" value={shown.version} items={items} onChange={(version) => set({ version })} />
            <Choice
              label="compared with"
              value={against?.version ?? ''}
              items={items.filter((one) => one !== shown)}
              none="nothing"
              onChange={(version) => set({ against: version === '' ? undefined : version })}
            />
          </>
        }
      >
        <Template shown={shown} against={against} />
        <About version={shown} />
      </Panel>
      <Versions items={items} onShow={(version) => set({ version, against: undefined })} />
    </>
  )
}

interface ChoiceProps {
  readonly label: string
  readonly value: string
  readonly items: readonly Version[]
  /** What stands for none; absent = one must be chosen. */
  readonly none?: string
  readonly onChange: (version: string) => void
}

function Choice({ label, value, items, none, onChange }: ChoiceProps) {
  return (
    <label className="row">
      {label}
      <select value={value} onChange={(event) => onChange(event.target.value)}>
        {none !== undefined && <option value="">{none}</option>}
        {items.map(({ version }) => (
          <option key={version}>{version}</option>
        ))}
      </select>
    </label>
  )
}

const SIGNS = { same: ' ', added: '+', removed: '−' } as const

function Template({ shown, against }: { shown: Version; against: Version | undefined }) {
  const text = templateOf(shown.tags)
  const lines =
    against === undefined
      ? text.split('\n').map((line) => ({ kind: 'same' as const, text: line }))
      : diffLines(templateOf(against.tags), text)
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- an area that scrolls must be reachable by keyboard
    <pre className="log short diff" tabIndex={0} aria-label="Template">
      {lines.map((line, i) => (
        <span key={i} className={line.kind}>
          {against !== undefined && `${SIGNS[line.kind]} `}
          {line.text}
          {'\n'}
        </span>
      ))}
    </pre>
  )
}

function About({ version }: { version: Version }) {
  const variables = variablesOf(templateOf(version.tags))
  const tags = Object.entries(version.tags).filter(([key]) => !isPromptsOwn(key))
  return (
    <Facts
      items={[
        ['Message', version.description === '' ? '–' : version.description],
        ['Variables', variables.length === 0 ? 'none' : variables.join(', ')],
        ['Kind', version.tags['_mlflow_prompt_type'] ?? 'text'],
        ...tags,
      ]}
    />
  )
}

function Versions({ items, onShow }: { items: readonly Version[]; onShow: (version: string) => void }) {
  return (
    <Panel title="Versions" note="the newest first" flush long={items.length > 12}>
      <DataTable headings={['Version', 'Aliases', 'Message', 'By', ['Created', 'num']]}>
        {items.map((one) => (
          <tr key={one.version} data-row>
            <td>
              <button type="button" className="button quiet" onClick={() => onShow(one.version)}>
                version {one.version}
              </button>
            </td>
            <td>
              <Tags words={one.aliases} />
            </td>
            <td className="break">{one.description}</td>
            <td className="key">{one.created_by}</td>
            <TimeCell at={one.created_at} />
          </tr>
        ))}
      </DataTable>
    </Panel>
  )
}
