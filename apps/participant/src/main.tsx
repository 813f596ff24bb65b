import { render } from 'preact';

render(<p>Sotto</p>, document.getElementById('app') as HTMLElement);
