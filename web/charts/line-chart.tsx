/** Lines over time or steps on a canvas (uPlot): zoom by dragging, values under the pointer. Numbers only. */
import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { resolvedColour } from '../theme.ts'

export interface Line {
  readonly label: string
  /** A CSS colour, variables allowed. */
  readonly colour: string
  readonly values: readonly (number | null)[]
  /** Drawn thin and pale behind the others. */
  readonly pale?: boolean
  readonly dashed?: boolean
}

export interface LineChartProps {
  /** What the chart shows, for readers who do not see it. */
  readonly label: string
  /** Rising; seconds since 1970 when `time`. */
  readonly x: readonly number[]
  readonly lines: readonly Line[]
  readonly time?: boolean
  readonly log?: boolean
  readonly height?: number
  readonly unit?: string
  /** Called when a part was chosen by dragging. */
  readonly onZoom?: (from: number, to: number) => void
}

const PALE = 0.35
/** uPlot's word for a logarithmic scale. */
// oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- its enum has types alone, no values to import
const LOGARITHMIC = 3 as uPlot.Scale.Distr

export function LineChart(props: LineChartProps) {
  const holder = useRef<HTMLDivElement>(null)
  const { x, lines, time = false, log = false, height = 220, unit = '', onZoom } = props
  useEffect(() => {
    const element = holder.current
    if (element === null) return undefined
    let plot: uPlot | undefined
    const draw = (): void => {
      plot?.destroy()
      const data = [[...x], ...lines.map((line) => [...line.values])] as uPlot.AlignedData
      plot = new uPlot(options({ width: element.clientWidth, height, lines, time, log, unit, onZoom }), data, element)
    }
    const watch = new ResizeObserver(() => {
      if (plot === undefined || plot.width !== element.clientWidth) draw()
    })
    const dark = matchMedia('(prefers-color-scheme: dark)')
    watch.observe(element)
    dark.addEventListener('change', draw)
    window.addEventListener('slipway-theme', draw)
    return () => {
      watch.disconnect()
      dark.removeEventListener('change', draw)
      window.removeEventListener('slipway-theme', draw)
      plot?.destroy()
    }
  }, [x, lines, time, log, height, unit, onZoom])
  return (
    <div ref={holder} className="uplot-holder" role="img" aria-label={props.label} style={{ minHeight: height + 30 }} />
  )
}

interface OptionsFrom {
  readonly width: number
  readonly height: number
  readonly lines: readonly Line[]
  readonly time: boolean
  readonly log: boolean
  readonly unit: string
  readonly onZoom: LineChartProps['onZoom']
}

function options(from: OptionsFrom): uPlot.Options {
  const text = resolvedColour('var(--muted)')
  const grid = { stroke: resolvedColour('var(--line)'), width: 1 }
  const axis = { stroke: text, grid, ticks: grid, font: '11px system-ui, sans-serif' }
  return {
    width: Math.max(160, from.width),
    height: from.height,
    scales: { x: { time: from.time }, y: from.log ? { distr: LOGARITHMIC } : {} },
    axes: [axis, { ...axis, size: 58 }],
    legend: { live: true },
    cursor: { drag: { x: true, y: false } },
    series: [
      from.time ? {} : { label: 'step' },
      ...from.lines.map((line) => ({
        label: line.label,
        stroke: resolvedColour(line.colour),
        width: line.pale ? 1 : 1.6,
        alpha: line.pale ? PALE : 1,
        points: { show: line.values.length < 2 },
        ...(line.dashed && { dash: [5, 4] }),
        value: (_: uPlot, value: number | null) =>
          value === null ? '–' : `${Number(value.toPrecision(5))}${from.unit}`,
      })),
    ],
    hooks: {
      setSelect: [
        (plot) => {
          if (from.onZoom === undefined || plot.select.width < 2) return
          from.onZoom(plot.posToVal(plot.select.left, 'x'), plot.posToVal(plot.select.left + plot.select.width, 'x'))
        },
      ],
    },
  }
}
