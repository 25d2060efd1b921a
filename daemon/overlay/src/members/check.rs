//! The bookkeeping's invariants, checked by tests.

use super::{
    Members,
    claim::Liveness,
    table::{List, MemberId},
};

impl Members {
    /// Panics where two places disagree about a member.
    pub(super) fn check(&self) {
        let mut suspects = 0;
        let mut news = 0;
        for (id, member) in self.iter() {
            assert_eq!(self.by_name(member.name()), Some(id));
            let suspected = self.suspicions.get(id).is_some();
            assert_eq!(suspected, member.liveness == Liveness::Suspect, "{member:?}");
            suspects += usize::from(suspected);
            news += usize::from(self.gossip.contains(id));
            if id == MemberId::ME {
                assert_eq!(member.list, List::None);
                continue;
            }
            assert_eq!(self.by_generation(member.generation()), Some(id));
            let near = member.rack() == self.me().rack();
            let list = match member.liveness {
                Liveness::Alive | Liveness::Suspect if near => List::Near,
                Liveness::Alive | Liveness::Suspect => List::Far,
                Liveness::Failed => List::Lost,
                Liveness::Left => List::None,
            };
            assert_eq!(member.list, list, "{member:?}");
            assert_eq!(self.lists.at(list, member.position), (list != List::None).then_some(id));
            assert!(!(member.dropped && member.liveness.is_live()));
            assert_eq!(self.tombstones.contains(id, member), !member.liveness.is_live());
        }
        assert_eq!(self.suspicions.len(), suspects);
        assert_eq!(self.gossip.len(), news);
        assert!(self.table.len() <= self.settings.members + 1);
        assert_eq!(self.table.len(), self.iter().count());
    }
}
