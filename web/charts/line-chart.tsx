/** Lines over time or steps on a canvas (uPlot): zoom by dragging, values under the pointer. Numbers only. */
import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { figure } from '../../src/contract/text/format.ts'
import { resolvedColour } from '../data/theme.ts'
import { clockTexts, localTime, isolatedPoints, markTexts, strongMarks } from './scales/axes.ts'
import type { Value } from './curves/values.ts'

export interface Line {
  readonly label: string
  /** A CSS colour, variables allowed. */
  readonly colour: string
  readonly values: readonly Value[]
  /** Drawn thin and pale behind the others. */
  readonly pale?: boolean
  readonly dashed?: boolean
  /** Lower and upper bound around the line, drawn as a pale band. */
  readonly band?: { readonly low: readonly Value[]; readonly high: readonly Value[] }
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
  /** Called when a part was chosen by dragging, with the x of its ends; the caller gives that part's data. */
  readonly onZoom?: (from: number, to: number) => void
  /** Called at a double click. */
  readonly onReset?: () => void
  /** What x counts; default step. */
  readonly xLabel?: string
  /** False where the lines are too many to be listed. */
  readonly legend?: boolean
}

const PALE = 0.35
const BAND = 0.18
/** uPlot's word for a logarithmic scale. */
// oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- its enum has types alone, no values to import
const LOGARITHMIC = 3 as uPlot.Scale.Distr

export function LineChart(props: LineChartProps) {
  const holder = useRef<HTMLDivElement>(null)
  const latest = useRef(props)
  const { x, lines, time = false, log = false, height = 220, unit = '', xLabel = 'step', legend = true } = props
  useEffect(() => {
    latest.current = props
  })
  useEffect(() => {
    const element = holder.current
    if (element === null) return undefined
    let plot: uPlot | undefined
    const onZoom = (from: number, to: number): void => latest.current.onZoom?.(from, to)
    const draw = (): void => {
      plot?.destroy()
      const width = element.clientWidth
      plot = new uPlot(
        options({ width, height, lines, time, log, unit, xLabel, legend, onZoom }),
        data(x, lines, log),
        element,
      )
    }
    const reset = (): void => latest.current.onReset?.()
    const watch = new ResizeObserver(() => {
      if (plot === undefined || plot.width !== element.clientWidth) draw()
    })
    const dark = matchMedia('(prefers-color-scheme: dark)')
    watch.observe(element)
    dark.addEventListener('change', draw)
    window.addEventListener('slipway-theme', draw)
    element.addEventListener('dblclick', reset)
    return () => {
      watch.disconnect()
      dark.removeEventListener('change', draw)
      window.removeEventListener('slipway-theme', draw)
      element.removeEventListener('dblclick', reset)
      plot?.destroy()
    }
  }, [x, lines, time, log, height, unit, xLabel, legend])
  return (
    <div ref={holder} className="uplot-holder" role="img" aria-label={props.label} style={{ minHeight: height + 30 }} />
  )
}

/** A logarithmic axis has no place for zero and below. */
function data(x: readonly number[], lines: readonly Line[], log: boolean): uPlot.AlignedData {
  const shown = (values: readonly Value[]): Value[] =>
    log ? values.map((value) => (typeof value === 'number' && value <= 0 ? null : value)) : [...values]
  const bands = lines.flatMap(({ band }) => (band === undefined ? [] : [shown(band.high), shown(band.low)]))
  return [[...x], ...lines.map((line) => shown(line.values)), ...bands] as uPlot.AlignedData
}

interface OptionsFrom {
  readonly width: number
  readonly height: number
  readonly lines: readonly Line[]
  readonly time: boolean
  readonly log: boolean
  readonly unit: string
  readonly xLabel: string
  readonly legend: boolean
  readonly onZoom: (from: number, to: number) => void
}

function options(from: OptionsFrom): uPlot.Options {
  const text = resolvedColour('var(--muted)')
  const grid = { stroke: resolvedColour('var(--line)'), width: 1 }
  const axis = { stroke: text, grid, ticks: grid, font: '11px system-ui, sans-serif' }
  return {
    width: Math.max(160, from.width),
    height: from.height,
    scales: { x: { time: from.time }, y: from.log ? { distr: LOGARITHMIC } : {} },
    axes: [
      from.time ? { ...axis, values: (_, marks) => clockTexts(marks) } : axis,
      {
        ...axis,
        size: from.unit === '' ? 58 : 74,
        values: (_, marks) => valueTexts(marks, from),
        ...(from.log && { grid: { ...grid, filter: strong }, ticks: { ...grid, filter: strong } }),
      },
    ],
    legend: { show: from.legend, live: true },
    cursor: { drag: { x: true, y: false } },
    series: [
      from.time
        ? { label: 'time', value: (_, at: number | null) => (at === null ? '–' : localTime(at)) }
        : { label: from.xLabel, value: (_, at: number | null) => (at === null ? '–' : figure(at, 6)) },
      ...from.lines.map((line) => seriesOf(line, from.unit)),
      ...edges(from.lines),
    ],
    bands: bandsOf(from.lines),
    hooks: {
      setSelect: [
        (plot) => {
          if (plot.select.width < 2) return
          from.onZoom(plot.posToVal(plot.select.left, 'x'), plot.posToVal(plot.select.left + plot.select.width, 'x'))
        },
      ],
    },
  }
}

const strong: uPlot.Axis.Filter = (_, marks) => strongMarks(marks)

/** Marks of a logarithmic axis are not equally far apart. */
function valueTexts(marks: readonly (number | null)[], { log, unit }: OptionsFrom): string[] {
  return log ? marks.map((mark) => (mark === null ? '' : `${figure(mark, 2)}${unit}`)) : markTexts(marks, unit)
}

function seriesOf(line: Line, unit: string): uPlot.Series {
  return {
    label: line.label,
    stroke: resolvedColour(line.colour),
    width: line.pale ? 1 : 1.6,
    alpha: line.pale ? PALE : 1,
    points: { show: false, size: 4, filter: () => isolatedPoints(line.values) },
    ...(line.dashed && { dash: [5, 4] }),
    value: (_: uPlot, value: Value) => (typeof value !== 'number' ? '–' : `${Number(value.toPrecision(5))}${unit}`),
  }
}

/** The edges of bands are series of their own, after all lines, that are not drawn. */
function edges(lines: readonly Line[]): uPlot.Series[] {
  return lines.flatMap((line) =>
    line.band === undefined
      ? []
      : ['upper', 'lower'].map((edge) => ({
          label: `${line.label} ${edge}`,
          stroke: 'transparent',
          width: 0,
          points: { show: false },
          class: 'edge',
        })),
  )
}

function bandsOf(lines: readonly Line[]): uPlot.Band[] {
  const banded = lines.filter((line) => line.band !== undefined)
  return banded.map((line, i) => {
    const upper = 1 + lines.length + 2 * i
    return { series: [upper, upper + 1], fill: withAlpha(resolvedColour(line.colour)) }
  })
}

function withAlpha(colour: string): string {
  return colour.startsWith('rgb(') ? colour.replace('rgb(', 'rgba(').replace(')', `, ${BAND})`) : colour
}
