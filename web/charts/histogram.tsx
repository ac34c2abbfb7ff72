/** A small histogram for a cell of a table: a bar for each bin, as high as its share of the fullest. */

const WIDTH = 96
const HEIGHT = 22

export function Histogram({ counts, said }: { counts: readonly number[]; said: string }) {
  const most = Math.max(...counts, 1)
  const step = WIDTH / Math.max(counts.length, 1)
  return (
    <svg width={WIDTH} height={HEIGHT} role="img" aria-label={said}>
      {counts.map((count, i) => {
        const height = count === 0 ? 0 : Math.max(1, (count / most) * HEIGHT)
        const place = { x: i * step, y: HEIGHT - height, width: Math.max(1, step - 1), height }
        return <rect key={place.x} {...place} fill="var(--c2)" />
      })}
    </svg>
  )
}
