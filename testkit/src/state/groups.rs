//! Core: what single groups are set to.

use super::group_config::GroupConfig;
use super::whole::State;

impl State {
    /// What a group is set to by itself, whether there is such a group or not.
    pub(crate) fn group_config(&self, group: &str) -> GroupConfig {
        self.group_configs.get(group).cloned().unwrap_or_default()
    }

    /// Sets a group to something by itself.
    pub(crate) fn set_group_config(&mut self, group: &str, config: GroupConfig) {
        if config.is_empty() {
            self.group_configs.remove(group);
            self.groups.set_own(group, None);
        } else {
            self.groups.set_own(group, Some(config.applied(&self.settings)));
            self.group_configs.insert(group.into(), config);
        }
        self.push_change();
    }
}
