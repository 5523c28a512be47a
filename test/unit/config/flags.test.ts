import { describe, expect, test } from '@jest/globals';
import { Command } from 'commander';
import { addRoleOptions, flagFromEnvironment, roleFlags } from '../../../src/config/flags.js';

describe('flags of the roles', () => {
  test('default: the flags of the Go node are among them', () => {
    const names = (role: 'aggregator' | 'executor') => roleFlags(role).map(({ flag }) => flag);
    expect(names('aggregator')).toEqual(expect.arrayContaining(['debug']));
    expect(names('executor')).toEqual(
      expect.arrayContaining(['debug', 'grpc-port', 'performer-network-name']),
    );
  });

  test('behavior: commander reads them', () => {
    const command = addRoleOptions(new Command('start'), 'executor');
    command.parse(
      ['--config', 'a.yaml', '--grpc-port', '1', '--performer-network-name', 'n', '--debug', '--strict'],
      {
        from: 'user',
      },
    );
    expect(command.opts()).toEqual({
      config: 'a.yaml',
      grpcPort: '1',
      performerNetworkName: 'n',
      debug: true,
      strict: true,
    });
  });

  test('behavior: help names the variable of each flag', () => {
    const help = addRoleOptions(new Command('start'), 'executor').helpInformation().replace(/\s+/g, ' ');
    for (const name of ['EXECUTOR_CONFIG', 'EXECUTOR_GRPC_PORT', 'EXECUTOR_PERFORMER_NETWORK_NAME']) {
      expect(help).toContain(`(env ${name})`);
    }
  });

  test('behavior: the single underscore wins over the doubled one, an empty variable is none', () => {
    const env = { EXECUTOR_GRPC_PORT: '1', EXECUTOR__GRPC_PORT: '2' };
    expect(flagFromEnvironment('executor', 'grpc-port', env)?.value).toBe('1');
    expect(flagFromEnvironment('executor', 'grpc-port', { ...env, EXECUTOR_GRPC_PORT: '' })).toEqual({
      name: 'EXECUTOR__GRPC_PORT',
      value: '2',
    });
    expect(flagFromEnvironment('executor', 'debug', env)).toBeUndefined();
  });
});
