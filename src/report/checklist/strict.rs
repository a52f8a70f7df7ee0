//! `if` and `unless` for which a name that is not there is an error. The library's own take it for false, so that a
//! misspelt condition would silently leave out what stands under it.

use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, JsonTruthy as _, Output, PathAndJson,
    RenderContext, RenderError, RenderErrorReason, Renderable as _,
};

/// Puts them in the place of the library's own.
pub(super) fn register(registry: &mut Handlebars<'_>) {
    registry.register_helper("if", Box::new(Either("if", true)));
    registry.register_helper("unless", Box::new(Either("unless", false)));
}

/// The argument, unless it names nothing.
pub(super) fn present<'a, 'rc>(argument: &'a PathAndJson<'rc>) -> Result<&'a PathAndJson<'rc>, RenderError> {
    if argument.is_value_missing() {
        Err(RenderError::strict_error(argument.relative_path()))
    } else {
        Ok(argument)
    }
}

/// The helper's name, and what it asks for.
struct Either(&'static str, bool);

impl HelperDef for Either {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        registry: &'reg Handlebars<'reg>,
        context: &'rc Context,
        state: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let argument = helper.param(0).ok_or(RenderErrorReason::ParamNotFoundForIndex(self.0, 0))?;
        let holds = present(argument)?.value().is_truthy(false) == self.1;
        let chosen = if holds { helper.template() } else { helper.inverse() };
        chosen.map_or(Ok(()), |template| template.render(registry, context, state, out))
    }
}
