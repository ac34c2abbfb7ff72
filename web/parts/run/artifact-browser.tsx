/** The files of a run as a tree, and the chosen one shown without running anything of it. */
import { useState } from 'react'
import { previewOf, treeOf } from '../../data/runs/artifacts.ts'
import type { StoredFile, TreeNode } from '../../data/runs/artifacts.ts'
import { bytes, plural } from '../../../src/contract/text/format.ts'
import { ArtifactPreview } from './artifact-preview.tsx'
import { Empty } from '../page/placeholders.tsx'
import { Panel } from '../page/page.tsx'

export interface ArtifactBrowserProps {
  readonly files: readonly StoredFile[]
  /** The address of a file's bytes. */
  readonly address: (path: string) => string
  readonly chosen: string | undefined
  readonly onChoose: (path: string) => void
}

/** Files whose folders are open at first. */
const FEW = 40

export function ArtifactBrowser({ files, address, chosen, onChoose }: ArtifactBrowserProps) {
  if (files.length === 0) {
    return (
      <Panel title="Artifacts" flush>
        <Empty title="No artifacts were logged" />
      </Panel>
    )
  }
  const named = files.find((file) => file.path === chosen)
  const shown = named ?? files.find((file) => previewOf(file.path) !== 'none') ?? files[0]
  const size = files.reduce((sum, file) => sum + file.size, 0)
  const gone = chosen !== undefined && named === undefined
  return (
    <Panel title="Artifacts" note={`${plural(files.length, 'file')}, ${bytes(size)}`}>
      <div className="browser">
        <nav aria-label="Files" className="tree">
          <Nodes
            nodes={treeOf(files)}
            open={files.length <= FEW}
            chosen={gone ? undefined : shown?.path}
            onChoose={onChoose}
          />
        </nav>
        {gone ? (
          <Empty title={`There is no file ${chosen}`}>It may have been deleted; select another.</Empty>
        ) : (
          shown !== undefined && <ArtifactPreview key={shown.path} file={shown} address={address(shown.path)} />
        )}
      </div>
    </Panel>
  )
}

interface NodesProps {
  readonly nodes: readonly TreeNode[]
  readonly open: boolean
  readonly chosen: string | undefined
  readonly onChoose: (path: string) => void
}

/** Children of one folder that are listed. */
const LISTED = 500

function Nodes(props: NodesProps) {
  const { nodes, chosen, onChoose } = props
  const [all, setAll] = useState(false)
  const shown = all ? nodes : nodes.slice(0, LISTED)
  return (
    <ul>
      {shown.map((node) => (
        <li key={node.path}>
          {node.children === undefined ? (
            <button
              type="button"
              className="file"
              aria-current={node.path === chosen}
              onClick={() => onChoose(node.path)}
            >
              <span className="break">{node.name}</span> <span className="muted small nowrap">{bytes(node.size)}</span>
            </button>
          ) : (
            <Folder {...props} node={node} inside={node.children} />
          )}
        </li>
      ))}
      {nodes.length > shown.length && (
        <li>
          <button type="button" className="button quiet" onClick={() => setAll(true)}>
            Show all {nodes.length}
          </button>
        </li>
      )}
    </ul>
  )
}

interface FolderProps extends NodesProps {
  readonly node: TreeNode
  readonly inside: readonly TreeNode[]
}

function Folder({ node, inside, open, chosen, onChoose }: FolderProps) {
  const [seen, setSeen] = useState(open || (chosen?.startsWith(`${node.path}/`) ?? false))
  return (
    <details open={seen} onToggle={(event) => setSeen(event.currentTarget.open)}>
      <summary>
        {node.name}/ <span className="muted small">{bytes(node.size)}</span>
      </summary>
      {seen && <Nodes nodes={inside} open={open} chosen={chosen} onChoose={onChoose} />}
    </details>
  )
}
