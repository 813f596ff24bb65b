import { expect, it } from 'vitest';

import { computeSums } from './support/engine-sums.ts';

it('computes the recorded bits: the same on every machine, in every engine that runs WebAssembly', async () => {
  // A kernel that adds in another order has other bits: recorded again on purpose, never by the way.
  expect(await computeSums({ workers: 0 })).toEqual({
    dense: '7c6a15b14c401e04f2112bfb1fdda85f40de8c182e0e1319cc6adebd5a343e84',
    convolutions: 'e84669394fc2da404d4e71e6c80666bf4c017936562bee197cec118fff28a999',
    bag: 'a6d7f1b949d623e4a190cda900a5c3bdb7d7477ce268ed4a91c904c9cd8fd787',
  });
});
