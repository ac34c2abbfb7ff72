/** Models: what is in production of each. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { count } from '../../../src/contract/text/format.ts'
import { firstWords } from '../../data/markdown.ts'
import { Empty } from '../../parts/page/placeholders.tsx'
import { ListPage } from '../../parts/page/list-page.tsx'
import { VersionChip } from '../../parts/page/status.tsx'
import { TimeCell } from '../../parts/table/time-cell.tsx'
import * as read from '../../data/queries.ts'
import { DataTable } from '../../parts/table/data-table.tsx'

export function ModelsPage() {
  return (
    <ListPage
      title="Models"
      lead="Every registered model, and the version behind each alias."
      query={useQuery(read.models)}
      empty={
        <Empty title="No models yet" commands={['slipway ship']}>
          Models are registered by a pipeline whose gates pass, or with mlflow.register_model.
        </Empty>
      }
    >
      {(items) => (
        <DataTable headings={['Model', 'Aliases', ['Versions', 'num'], 'Latest', ['Created', 'num']]}>
          {items.map((model) => (
            <tr key={model.name} data-row>
              <td>
                <Link to="/models/$name" params={{ name: model.name }} className="strong">
                  {model.name}
                </Link>
                <div className="muted small break">{firstWords(model.description)}</div>
              </td>
              <td>
                <div className="row">
                  {Object.entries(model.aliases).map(([alias, version]) => (
                    <VersionChip key={alias} model={model.name} version={version} label={`${alias} ${version}`} />
                  ))}
                </div>
              </td>
              <td className="num">{count(model.versions)}</td>
              <td>
                {model.latest_version !== null && <VersionChip model={model.name} version={model.latest_version} />}
              </td>
              <TimeCell at={model.created_at} />
            </tr>
          ))}
        </DataTable>
      )}
    </ListPage>
  )
}
