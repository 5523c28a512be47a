import { expect, test } from '@jest/globals';
import { until, untilTrue } from '../../support/until.js';

test('default: until it is so', async () => {
  let asked = 0;
  await until('it was asked three times', () => ++asked === 3);
  expect(asked).toBe(3);
});

test('error: what has not come about is named', async () => {
  const never = () => false;
  await expect(until('pigs fly', never, 0)).rejects.toThrow('it did not come about that pigs fly');
  await expect(untilTrue(never, 0)).rejects.toThrow(`it did not come about that ${never}`);
});
