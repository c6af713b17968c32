// The user's settings of this extension.

import { ISettingRegistry } from "@jupyterlab/settingregistry";

import { Favourites } from "./endpoints_panel";

type Name = "notify" | "collect";

export class Options implements Favourites {
  private settings: ISettingRegistry.ISettings | null = null;

  // Calls `changed` now and after each change.
  async load(registry: ISettingRegistry, plugin: string, changed: () => void): Promise<void> {
    this.settings = await registry.load(plugin);
    this.settings.changed.connect(changed);
    changed();
  }

  is(name: Name): boolean {
    return this.settings?.composite[name] === true;
  }

  // The user's decision; null if the default applies.
  decided(name: Name): boolean | null {
    return this.settings?.user[name] === undefined ? null : this.is(name);
  }

  async flip(name: Name): Promise<void> {
    await this.settings?.set(name, !this.is(name));
  }

  // The shortest run that gets a notice, in seconds.
  get notifyAfter(): number {
    return Number(this.settings?.composite["notifyAfter"] ?? 60);
  }

  has(endpointId: string): boolean {
    return this.ids().includes(endpointId);
  }

  toggle(endpointId: string): void {
    const others = this.ids().filter((id) => id !== endpointId);
    const ids = this.has(endpointId) ? others : [...others, endpointId];
    void this.settings?.set("favourites", ids);
  }

  private ids(): string[] {
    return (this.settings?.composite["favourites"] as string[] | undefined) ?? [];
  }
}
