/** Prompts: which version of each does what name stand for? */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Empty } from '../../parts/page/placeholders.tsx'
import { ListPage } from '../../parts/page/list-page.tsx'
import { Tags } from '../../parts/page/status.tsx'
import { TimeCell } from '../../parts/table/time-cell.tsx'
import { prompts as read } from '../../data/models/prompts.ts'
import type { ListedPrompt } from '../../data/models/prompts.ts'
import { DataTable } from '../../parts/table/data-table.tsx'

export function PromptsPage() {
  return (
    <ListPage
      title="Prompts"
      lead="Versioned templates that applications fill in."
      query={useQuery(read)}
      empty={
        <Empty
          title="No prompts yet"
          commands={['mlflow.genai.register_prompt(name="greeting", template="Hello {{name}}")']}
        >
          Prompts are registered with MLflow’s client and loaded by name and alias.
        </Empty>
      }
    >
      {(items) => <Table items={items} />}
    </ListPage>
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
            <Tags words={(prompt.aliases ?? []).map(({ alias, version }) => `${alias} ${version}`)} />
          </td>
          <td className="num">{prompt.latest_versions?.[0]?.version ?? '–'}</td>
          <td className="break">{prompt.latest_versions?.[0]?.description ?? ''}</td>
          <TimeCell at={new Date(prompt.last_updated_timestamp).toISOString()} />
        </tr>
      ))}
    </DataTable>
  )
}
