/** Dark or light: the system's choice, or the one made here and kept in this browser. */

export type Theme = 'system' | 'light' | 'dark'

const KEY = 'slipway-theme'
const NEXT: Record<Theme, Theme> = { system: 'light', light: 'dark', dark: 'system' }

/** The choice kept in this browser. */
export function storedTheme(): Theme {
  const kept = localStorage.getItem(KEY)
  return kept === 'light' || kept === 'dark' ? kept : 'system'
}

/** Applies and keeps a choice. */
export function setTheme(theme: Theme): void {
  localStorage.setItem(KEY, theme)
  document.documentElement.style.colorScheme = theme === 'system' ? '' : theme
  window.dispatchEvent(new Event('slipway-theme'))
}

/** The choice after this one. */
export function nextTheme(theme: Theme): Theme {
  return NEXT[theme]
}

/** The colour that a CSS value (for example `var(--c1)`) has now, for charts that draw pixels. */
export function resolvedColour(value: string): string {
  const probe = document.createElement('span')
  probe.style.color = value
  document.body.append(probe)
  const colour = getComputedStyle(probe).color
  probe.remove()
  return colour
}
