/** GeoJSON as shapes: every kind of geometry, and what is none. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shapesOf } from './geojson.ts'

test('features become shapes with their properties in words', () => {
  const ring = [
    [0, 0],
    [10, 0],
    [10, 5],
    [0, 0],
  ]
  const found = shapesOf({
    type: 'FeatureCollection',
    features: [
      { type: 'Feature', properties: { name: 'A', size: 2 }, geometry: { type: 'Polygon', coordinates: [ring] } },
      {
        type: 'Feature',
        properties: null,
        geometry: {
          type: 'GeometryCollection',
          geometries: [
            {
              type: 'MultiPoint',
              coordinates: [
                [5, 2],
                [6, 3, 100],
              ],
            },
            { type: 'LineString', coordinates: ring },
            { type: 'MultiPolygon', coordinates: [[ring], [ring]] },
          ],
        },
      },
    ],
  })
  assert.deepEqual(
    found.map(({ kind, parts, label }) => [kind, parts.length, label]),
    [
      ['area', 1, 'name: A, size: 2'],
      ['point', 1, ''],
      ['point', 1, ''],
      ['line', 1, ''],
      ['area', 1, ''],
      ['area', 1, ''],
    ],
  )
})

test('what is no shape has none', () => {
  const none = [null, 7, [], {}, { type: 'Point' }, { type: 'Point', coordinates: ['a', 1] }, { type: 'Feature' }]
  assert.deepEqual(
    none.flatMap((one) => shapesOf(one)),
    [],
  )
  assert.deepEqual(shapesOf({ type: 'Polygon', coordinates: [[[1, 1]]] }), [])
})
