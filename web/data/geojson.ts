/** Shapes of GeoJSON (RFC 7946) as lines and points of longitude and latitude, for a plain map without any tiles. */

export type Place = readonly [longitude: number, latitude: number]

export interface Shape {
  readonly kind: 'area' | 'line' | 'point'
  /** Rings of an area, parts of a line; a point has one part of one place. */
  readonly parts: readonly (readonly Place[])[]
  /** Properties in words. */
  readonly label: string
}

/** Every shape that is in a value; what is no GeoJSON has none. */
export function shapesOf(value: unknown, label = ''): Shape[] {
  if (!isRecord(value)) return []
  const inside = (list: unknown, told: string): Shape[] =>
    Array.isArray(list) ? list.flatMap((one: unknown) => shapesOf(one, told)) : []
  switch (value['type']) {
    case 'FeatureCollection':
      return inside(value['features'], '')
    case 'Feature':
      return shapesOf(value['geometry'], labelOf(value['properties']))
    case 'GeometryCollection':
      return inside(value['geometries'], label)
    default:
      return geometry(String(value['type']), value['coordinates'], label)
  }
}

function geometry(type: string, at: unknown, label: string): Shape[] {
  switch (type) {
    case 'Point':
      return isPlace(at) ? [{ kind: 'point', parts: [[at]], label }] : []
    case 'MultiPoint':
      return each(at, 'Point', label)
    case 'LineString':
      return shape('line', [at], label)
    case 'MultiLineString':
      return shape('line', at, label)
    case 'Polygon':
      return shape('area', at, label)
    case 'MultiPolygon':
      return each(at, 'Polygon', label)
    default:
      return []
  }
}

function each(list: unknown, type: string, label: string): Shape[] {
  return Array.isArray(list) ? list.flatMap((one: unknown) => geometry(type, one, label)) : []
}

function shape(kind: 'area' | 'line', parts: unknown, label: string): Shape[] {
  if (!Array.isArray(parts)) return []
  const kept = parts.map((part: unknown) => (Array.isArray(part) ? part.filter(isPlace) : []))
  return kept.some((part) => part.length > 1) ? [{ kind, parts: kept, label }] : []
}

function isPlace(value: unknown): value is Place {
  return Array.isArray(value) && Number.isFinite(value[0]) && Number.isFinite(value[1])
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function labelOf(properties: unknown): string {
  if (!isRecord(properties)) return ''
  return Object.entries(properties)
    .slice(0, 6)
    .map(([key, value]) => `${key}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ')
}
