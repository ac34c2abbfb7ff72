/** What people say about a model or one of its versions: a description in Markdown, and tags. */
import { send } from '../../data/mlflow.ts'
import { Edit } from '../form/edit-text.tsx'
import { Markdown } from '../text/markdown.tsx'
import { usePermission } from '../form/permissions.ts'
import { Panel } from '../page/page.tsx'
import { TagsPanel } from '../form/tags.tsx'

const WRITE = { verb: 'write', resource: 'models' } as const

export interface ModelDescriptionProps {
  readonly model: string
  /** Absent = the model itself. */
  readonly version?: string
  readonly description: string
  readonly tags: Readonly<Record<string, string>>
}

export function ModelDescription({ model, version, description, tags }: ModelDescriptionProps) {
  const allowed = usePermission(WRITE)
  const [place, named] =
    version === undefined ? ['registered-models', { name: model }] : ['model-versions', { name: model, version }]
  return (
    <div className="two">
      {(allowed || description !== '') && (
        <Panel
          title="Description"
          tools={
            <Edit
              label={description === '' ? 'Add a description' : 'Edit the description'}
              value={description}
              long
              hint="Markdown"
              needs={WRITE}
              save={(text) => send(`${place}/update`, { ...named, description: text }, 'PATCH')}
            />
          }
        >
          {description === '' ? <p className="muted">No description yet.</p> : <Markdown text={description} />}
        </Panel>
      )}
      <TagsPanel
        tags={Object.entries(tags)}
        needs={WRITE}
        set={(key, value) =>
          value === null
            ? send(`${place}/delete-tag`, { ...named, key }, 'DELETE')
            : send(`${place}/set-tag`, { ...named, key, value })
        }
      />
    </div>
  )
}
