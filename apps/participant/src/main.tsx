import { render } from 'preact';

import { App } from './app.tsx';
import { begin } from './state.ts';
import './style.css';

render(<App />, document.getElementById('app') as HTMLElement);
void begin();
if ('serviceWorker' in navigator) {
  // Without it (plain http on a network) the page works all the same, online.
  navigator.serviceWorker.register('./sw.js').catch(() => {});
}
