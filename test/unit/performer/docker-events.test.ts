import { describe, expect, test } from '@jest/globals';
import type Docker from 'dockerode';
import { afterEvent, afterLook, endReason, FRESH, parseEvent } from '../../../src/performer/docker-events.js';

const event = (action: string, signal?: string) => ({ containerId: 'c', action, signal });

function looked(state: Partial<Docker.ContainerInspectInfo['State']>): Docker.ContainerInspectInfo {
  const info = {
    State: { Running: false, Paused: false, OOMKilled: false, Error: '', ExitCode: 0, ...state },
  };
  return info as Docker.ContainerInspectInfo;
}

describe('parseEvent', () => {
  test('default: one of a container', () => {
    const line = { Type: 'container', Action: 'kill', Actor: { ID: 'c', Attributes: { signal: '9' } } };
    expect(parseEvent(line)).toEqual(event('kill', '9'));
  });

  test.each([
    [null],
    [7],
    [{}],
    [{ Type: 'network', Action: 'die', Actor: { ID: 'n' } }],
    [{ Type: 'container' }],
  ])('behavior: %j is none', (line) => expect(parseEvent(line)).toBeUndefined());
});

describe('afterEvent', () => {
  test.each<[readonly string[], Partial<typeof FRESH>]>([
    [['start', 'exec_start: x'], {}],
    [['pause'], { isPaused: true }],
    [['pause', 'unpause'], {}],
    [['health_status: unhealthy'], { isHealthy: false }],
    [['health_status: unhealthy', 'health_status: healthy'], {}],
    [['health_status: starting'], {}],
  ])('default: %j', (actions, expected) => {
    expect(actions.map((action) => event(action)).reduce(afterEvent, FRESH)).toEqual({
      ...FRESH,
      ...expected,
    });
  });

  test('behavior: a look tells what events would have', () => {
    const Health = { Status: 'unhealthy', FailingStreak: 3, Log: [] };
    expect(afterLook(FRESH, looked({ Running: true, Paused: true, Health }))).toMatchObject({
      isPaused: true,
      isHealthy: false,
    });
    expect(afterLook({ ...FRESH, isPaused: true }, looked({ Running: true }))).toEqual(FRESH);
  });
});

describe('endReason', () => {
  const killed = afterEvent(FRESH, event('kill', '9'));
  test.each<[string, Docker.ContainerInspectInfo | undefined, typeof FRESH, boolean, string]>([
    ['by itself', looked({ ExitCode: 3 }), FRESH, false, 'exited with code 3'],
    ['out of memory', looked({ ExitCode: 137, OOMKilled: true }), killed, false, 'ran out of memory'],
    ['by us', looked({ ExitCode: 137 }), killed, true, 'exited with code 137'],
    [
      'by somebody',
      looked({ ExitCode: 137 }),
      killed,
      false,
      'was stopped by somebody else (signal 9) and exited with code 137',
    ],
    ['removed', undefined, killed, false, 'was removed by somebody else'],
    ['removed by us', undefined, killed, true, 'was stopped and removed'],
    ['runs again', looked({ Running: true }), FRESH, false, 'was restarted by somebody else'],
  ])('default: %s', (_name, info, condition, isOurDoing, reason) => {
    expect(endReason(info, condition, isOurDoing)).toBe(reason);
  });
});
