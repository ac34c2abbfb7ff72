/** Prompts: which version of each does what name stand for? */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Empty, Loaded } from '../../parts/page/placeholders.tsx'
import { Page, Panel } from '../../parts/page/page.tsx'
import { Tag } from '../../parts/page/status.tsx'
import { RelativeTime } from '../../parts/page/relative-time.tsx'
import { prompts as read } from '../../data/models/prompts.ts'
import type { ListedPrompt } from '../../data/models/prompts.ts'
import { DataTable } from '../../parts/table/data-table.tsx'

export function PromptsPage() {
  const prompts = useQuery(read)
  return (
    <Page title="Prompts" lead="Versioned templates that applications fill in.">
      <Panel title="Prompts" flush>
        <Loaded query={prompts} what="The prompts" height={240}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty
                title="No prompts yet"
                commands={['mlflow.genai.register_prompt(name="greeting", template="Hello {{name}}")']}
              >
                Prompts are registered with MLflow’s client and loaded by name and alias.
              </Empty>
            ) : (
              <Table items={items} />
            )
          }
        </Loaded>
      </Panel>
    </Page>
  )
}

function Table({ items }: { items: readonly ListedPrompt[] }) {
  return (
    <DataTable headings={['Prompt', 'Aliases', ['Newest', 'num'], 'Message', ['Updated', 'num']]}>
      {items.map((prompt) => (
        <tr key={prompt.name} data-row>
          <td className="key">
            <Link to="/prompts/$name" params={{ name: prompt.name }} className="strong">
              {prompt.name}
            </Link>
          </td>
          <td>
            <div className="row">
              {prompt.aliases?.map(({ alias, version }) => (
                <Tag key={alias}>{`${alias} ${version}`}</Tag>
              ))}
            </div>
          </td>
          <td className="num">{prompt.latest_versions?.[0]?.version ?? '–'}</td>
          <td className="break">{prompt.latest_versions?.[0]?.description ?? ''}</td>
          <td className="num">
            <RelativeTime at={new Date(prompt.last_updated_timestamp).toISOString()} />
          </td>
        </tr>
      ))}
    </DataTable>
  )
}
