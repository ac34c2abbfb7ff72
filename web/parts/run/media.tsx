/** Images that a run logged over its steps: one series a key, the step chosen with a slider. */
import { useId, useState } from 'react'
import type { LoggedImage } from '../../data/runs/artifacts.ts'
import { Panel } from '../page/page.tsx'

export interface MediaProps {
  readonly series: ReadonlyMap<string, readonly LoggedImage[]>
  readonly address: (path: string) => string
}

export function Media({ series, address }: MediaProps) {
  if (series.size === 0) return null
  return (
    <Panel title="Images" note="by step">
      <div className="charts">
        {[...series].map(([key, images]) => (
          <Series key={key} name={key} images={images} address={address} />
        ))}
      </div>
    </Panel>
  )
}

interface SeriesProps {
  readonly name: string
  readonly images: readonly LoggedImage[]
  readonly address: (path: string) => string
}

function Series({ name, images, address }: SeriesProps) {
  const [place, setPlace] = useState(images.length - 1)
  const slider = useId()
  const image = images[Math.min(place, images.length - 1)]
  if (image === undefined) return null
  return (
    <figure className="media">
      <figcaption className="row">
        <h3 className="break">{name}</h3>
        <label htmlFor={slider} className="small">
          step {image.step}
        </label>
      </figcaption>
      <img src={address(image.path)} alt={`${name} at step ${image.step}`} loading="lazy" />
      {images.length > 1 && (
        <input
          id={slider}
          type="range"
          min={0}
          max={images.length - 1}
          value={Math.min(place, images.length - 1)}
          onChange={(event) => setPlace(Number(event.target.value))}
        />
      )}
    </figure>
  )
}
