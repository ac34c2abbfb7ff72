/** What people say about a model or one of its versions: a description in Markdown, and tags. */
import { send } from '../../data/mlflow.ts'
import { MarkdownPanel } from '../text/markdown-panel.tsx'
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
  const [place, named] =
    version === undefined ? ['registered-models', { name: model }] : ['model-versions', { name: model, version }]
  return (
    <div className="two">
      <MarkdownPanel
        title="Description"
        text={description}
        empty="No description yet."
        noun="description"
        needs={WRITE}
        save={(text) => send(`${place}/update`, { ...named, description: text }, 'PATCH')}
      />
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
