/** A graph of steps or of lineage: boxes in columns, arrows between them. Numbers and words only. */
import { layers } from './scales/layers.ts'
import { toneOf } from '../data/tones.ts'

export interface GraphNode {
  readonly id: string
  readonly name: string
  readonly detail: string
  /** A status word that colours the box's edge; absent = plain. */
  readonly state?: string
  readonly href?: string | undefined
}

export interface GraphProps {
  readonly label: string
  readonly nodes: readonly GraphNode[]
  readonly edges: readonly { readonly from: string; readonly to: string; readonly strong?: boolean }[]
  readonly chosen?: string | undefined
  /** Follows a node's link inside the page. */
  readonly onFollow: (href: string) => void
}

const BOX = { width: 156, height: 46, gapX: 52, gapY: 18, edge: 8 }

export function Graph({ label, nodes, edges, chosen, onFollow }: GraphProps) {
  const places = layers(
    nodes.map((node) => node.id),
    edges,
  )
  const columns = Math.max(0, ...[...places.values()].map((place) => place.column)) + 1
  const rows = Math.max(0, ...[...places.values()].map((place) => place.row)) + 1
  const width = columns * (BOX.width + BOX.gapX) - BOX.gapX + 2 * BOX.edge
  const height = rows * (BOX.height + BOX.gapY) - BOX.gapY + 2 * BOX.edge
  const corner = (id: string): readonly [number, number] => {
    const { column = 0, row = 0 } = places.get(id) ?? {}
    return [BOX.edge + column * (BOX.width + BOX.gapX), BOX.edge + row * (BOX.height + BOX.gapY)]
  }
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- an area that scrolls must be reachable by keyboard
    <div className="graph" tabIndex={0} role="group" aria-label={label}>
      <svg width={width} height={height}>
        {edges.map((edge) => (
          <path
            key={`${edge.from} ${edge.to}`}
            className={edge.strong ? 'edge critical' : 'edge'}
            d={arrow(corner(edge.from), corner(edge.to))}
          />
        ))}
        {nodes.map((node) => (
          <Box key={node.id} node={node} at={corner(node.id)} chosen={node.id === chosen} onFollow={onFollow} />
        ))}
      </svg>
    </div>
  )
}

function arrow([x1, y1]: readonly [number, number], [x2, y2]: readonly [number, number]): string {
  const from = [x1 + BOX.width, y1 + BOX.height / 2] as const
  const to = [x2, y2 + BOX.height / 2] as const
  const middle = (from[0] + to[0]) / 2
  return `M${from[0]} ${from[1]}C${middle} ${from[1]} ${middle} ${to[1]} ${to[0]} ${to[1]}`
}

interface BoxProps {
  readonly node: GraphNode
  readonly at: readonly [number, number]
  readonly chosen: boolean
  readonly onFollow: (href: string) => void
}

function Box({ node, at: [x, y], chosen, onFollow }: BoxProps) {
  const box = (
    <g className={chosen ? 'node chosen' : 'node'} transform={`translate(${x} ${y})`}>
      <title>{`${node.name}: ${node.detail}`}</title>
      <rect width={BOX.width} height={BOX.height} rx="6" />
      {node.state !== undefined && (
        <rect
          className={`tone-${toneOf(node.state)}`}
          width="4"
          height={BOX.height}
          rx="2"
          style={{ fill: 'currentColor', stroke: 'none' }}
        />
      )}
      <text className="name" x="12" y="19">
        {clip(node.name, 16)}
      </text>
      <text x="12" y="36">
        {clip(node.detail, 23)}
      </text>
    </g>
  )
  const { href } = node
  if (href === undefined) return box
  return (
    <a
      href={href}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey) return
        event.preventDefault()
        onFollow(href)
      }}
    >
      {box}
    </a>
  )
}

function clip(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`
}
